// What the views are made of, and what draws them anew.

import { Component, h, render } from './vendor/preact.js';
import htm from './vendor/htm.js';

export { render };
export const html = htm.bind(h);

let drawn = null;

// A value as a function: `of()` reads it, `of(value)` sets it and draws anew whoever has read it.
export function held(value) {
  const readers = new Set();
  return (...to) => {
    if (!to.length) {
      if (drawn) drawn.read.add(readers.add(drawn));
    } else if (to[0] !== value) {
      [value] = to;
      readers.forEach(it => it.setState({}));
    }
    return value;
  };
}

/**
 * A component: `setup` runs once for each place, what it gives back draws.
 * @template P
 * @param {(props: P) => (props: P) => any} setup
 */
export function view(setup) {
  return class extends Component {
    constructor(props) {
      super(props);
      this.read = new Set();
      this.draw = setup(props);
    }

    render(props) {
      this.componentWillUnmount();
      drawn = this;
      try {
        return this.draw(props);
      } finally {
        drawn = null;
      }
    }

    componentWillUnmount() {
      this.read.forEach(readers => readers.delete(this));
    }
  };
}

export const live = draw => view(() => draw);
