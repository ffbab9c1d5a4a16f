// Packages of the folder that the client was installed into, whatever folder the script is in.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.CLIENT_FOLDER}/index.js`);

export const load = (name) => import(pathToFileURL(require.resolve(name)));
