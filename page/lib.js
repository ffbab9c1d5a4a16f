// What the views are made of: Preact's elements by htm's templates, and components that are drawn
// anew when a signal that they read changes.

import { Component, h, render } from './vendor/preact.js';
import { batch, effect, signal, untracked } from './vendor/signals.js';
import htm from './vendor/htm.js';

export { batch, signal, render };
export const html = htm.bind(h);

/**
 * A component that reads signals: `setup` runs once for each place, what it gives back draws.
 * @template P
 * @param {(props: P) => (props: P) => any} setup
 */
export function view(setup) {
  return class extends Component {
    constructor(props) {
      super(props);
      this.draw = untracked(() => setup(props));
      this.stop = null;
    }

    render(props) {
      this.stop?.();
      let drawn;
      let first = true;
      this.stop = effect(() => {
        if (!first) return untracked(() => this.setState({}));
        first = false;
        drawn = this.draw(props);
      });
      return drawn;
    }

    componentWillUnmount() {
      this.stop?.();
    }
  };
}

/** The same without a beginning of its own. */
export const live = draw => view(() => draw);
