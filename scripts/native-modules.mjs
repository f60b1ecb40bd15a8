/**
 * How the bundles find native modules. Their JavaScript is bundled, their binaries cannot be. At run time a binary is
 * taken from the folder `native/` beside the bundle when that holds it (a copy under OVERMIND_HOME/versions has no
 * node_modules), else from node_modules:
 *
 *   native/better_sqlite3.node                       better-sqlite3/build/Release/better_sqlite3.node
 *   native/<each file of the package, flat>          @lydell/node-pty-<platform>-<arch>/<file>
 *
 * Three places in the two libraries name a file by its place in node_modules. Each is rewritten here, and the build
 * fails when a new version of the library no longer has the text that we replace.
 */
import { readFile } from "node:fs/promises";

const LOCATOR = "overmind:native-file";
const LOCATOR_SOURCE = `
const { existsSync } = require("node:fs");
const { join } = require("node:path");
module.exports = (name, packaged) => {
  const beside = join(__dirname, "native", name);
  return existsSync(beside) ? beside : require.resolve(packaged);
};`;

const BINDINGS_SOURCE = `
const nativeFile = require("${LOCATOR}");
module.exports = (name) => require(nativeFile(name, "better-sqlite3/build/Release/" + name));`;

const REQUIRE_BINARY_SOURCE = `
const nativeFile = require("${LOCATOR}");
const platformPackage = "@lydell/node-pty-" + process.platform + "-" + process.arch;
exports.resolveBinary = (file) => nativeFile(file, platformPackage + "/" + file);
exports.requireBinary = (file) => require(exports.resolveBinary(file));`;

/** The files that node-pty starts as a thread or process of their own on Windows; bundled under these names. */
export const NODE_PTY_HELPERS = {
  "node-pty-conout-worker": "@lydell/node-pty/worker/conoutSocketWorker.js",
  "node-pty-console-list": "@lydell/node-pty/conpty_console_list_agent.js",
};

/** @type {Record<string, ReadonlyArray<readonly [string, string]>>} */
const NODE_PTY_REWRITES = {
  "unixTerminal.js": [["require.resolve(helperPath)", 'requireBinary_1.resolveBinary("spawn-helper")']],
  "windowsConoutConnection.js": [["'worker/conoutSocketWorker.js'", "'node-pty-conout-worker.cjs'"]],
  "windowsPtyAgent.js": [["'conpty_console_list_agent'", "'node-pty-console-list.cjs'"]],
  "conpty_console_list_agent.js": [
    [
      'require("@lydell/node-pty-" + process.platform + "-" + process.arch + "/conpty_console_list.node")',
      'require("./requireBinary").requireBinary("conpty_console_list.node")',
    ],
  ],
};

/** @type {import("esbuild").Plugin} */
export const nativeModules = {
  name: "native-modules",
  setup(build) {
    build.onResolve({ filter: /^(bindings|overmind:native-file)$/ }, ({ path }) => ({ path, namespace: "native" }));
    build.onLoad({ filter: /^bindings$/, namespace: "native" }, () => ({ contents: BINDINGS_SOURCE, loader: "js" }));
    build.onLoad({ filter: /native-file$/, namespace: "native" }, () => ({ contents: LOCATOR_SOURCE, loader: "js" }));
    build.onLoad({ filter: /node-pty[\\/]requireBinary\.js$/ }, () => ({
      contents: REQUIRE_BINARY_SOURCE,
      loader: "js",
    }));
    for (const [file, rewrites] of Object.entries(NODE_PTY_REWRITES)) {
      const filter = new RegExp(`node-pty[\\\\/]${file.replace(".", "\\.")}$`);
      build.onLoad({ filter }, async ({ path }) => ({ contents: await rewritten(path, rewrites), loader: "js" }));
    }
  },
};

/**
 * @param {string} path
 * @param {ReadonlyArray<readonly [string, string]>} rewrites
 */
async function rewritten(path, rewrites) {
  let text = await readFile(path, "utf8");
  for (const [before, after] of rewrites) {
    if (text.split(before).length !== 2) throw new Error(`${path} no longer has exactly one ${before}`);
    text = text.replace(before, () => after);
  }
  return text;
}
