/**
 * How the supervisor's bundle finds better-sqlite3's binary. The library's JavaScript is bundled, the binary cannot be.
 * At run time it is taken from the folder `native/` beside the bundle when that holds it (a copy under
 * OVERMIND_HOME/versions has no node_modules), else from node_modules. The process host finds node-pty's binary in the
 * same two places by itself (supervisor/process-host/native-pty.ts).
 */

const BINDINGS_SOURCE = `
const { existsSync } = require("node:fs");
const { join } = require("node:path");
module.exports = (name) => {
  const beside = join(__dirname, "native", name);
  return require(existsSync(beside) ? beside : require.resolve("better-sqlite3/build/Release/" + name));
};`;

/** @type {import("esbuild").Plugin} */
export const nativeModules = {
  name: "native-modules",
  setup(build) {
    build.onResolve({ filter: /^bindings$/ }, ({ path }) => ({ path, namespace: "native" }));
    build.onLoad({ filter: /^bindings$/, namespace: "native" }, () => ({ contents: BINDINGS_SOURCE, loader: "js" }));
  },
};
