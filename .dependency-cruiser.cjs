/**
 * Which way the arrows run between the rooms: DESIGN's table "room / may import", as a list of what is allowed.
 * An import that no line allows is an error. Adding a line is a change of its own, with its reason in the commit.
 */

/** @typedef {{ ours?: string[], libraries?: string[], node?: boolean }} Arrows */

/** @type {Record<string, Arrows>} Every room may import itself. `node: true` lets it import Node's own modules. */
const ROOMS = {
  schemas: { libraries: ["zod", "vscode-jsonrpc"] },
  "supervisor/core": { ours: ["schemas"] },
  "supervisor/manifest": { ours: ["schemas", "supervisor/core"], libraries: ["yaml"] },
  "supervisor/ports": { ours: ["schemas", "supervisor/core"] },
  "supervisor/weaver": {
    ours: ["schemas", "supervisor/core", "supervisor/ports", "supervisor/manifest", "supervisor/agents"],
    node: true,
  },
  "supervisor/sessions": {
    ours: ["schemas", "supervisor/core", "supervisor/ports"],
    libraries: ["@xterm/headless"],
    node: true,
  },
  "supervisor/agents": {
    ours: ["schemas", "supervisor/core", "supervisor/ports"],
    libraries: ["@agentclientprotocol/sdk", "@modelcontextprotocol/sdk"],
    node: true,
  },
  "supervisor/cortex": {
    ours: [
      "schemas",
      "supervisor/core",
      "supervisor/ports",
      "supervisor/manifest",
      "supervisor/weaver",
      "supervisor/sessions",
      "supervisor/agents",
    ],
    libraries: ["vscode-jsonrpc", "pino"],
    node: true,
  },
  "supervisor/akasha": {
    ours: ["schemas", "supervisor/core", "supervisor/ports"],
    libraries: ["better-sqlite3", "kysely", "pg"],
    node: true,
  },
  "supervisor/hive": {
    ours: ["schemas", "supervisor/core", "supervisor/ports"],
    libraries: ["dockerode", "simple-git", "execa", "get-port"],
    node: true,
  },
  "supervisor/process-host": { ours: ["schemas"], libraries: ["@lydell/node-pty"], node: true },
  "supervisor/client": { ours: ["schemas"], libraries: ["vscode-jsonrpc"], node: true },
  "supervisor/cli": {
    ours: ["schemas", "supervisor/client", "supervisor/manifest"],
    libraries: ["commander", "@modelcontextprotocol/sdk"],
    node: true,
  },
  "supervisor/tui": {
    ours: ["schemas", "supervisor/client"],
    libraries: ["ink", "react"],
    node: true,
  },
  extension: {
    ours: ["schemas", "supervisor/client", "supervisor/manifest"],
    libraries: ["vscode", "vscode-languageclient"],
    node: true,
  },
  "webview-ui": { ours: ["schemas"], libraries: ["react", "react-dom", "@xterm/[^/]+"] },
};

/**
 * The process host is the one program that cannot be replaced while agents run: it knows the frames, the files and the
 * names that it shares with the hive, and no more.
 */
const SCHEMAS_OF_THE_PROCESS_HOST = [
  "control-groups",
  "fault",
  "frame",
  "host-protocol",
  "process-start-time",
  "segment",
  "signals",
];

const OURS = "^(schemas|supervisor|extension|webview-ui|test|scripts|bench)/";
const TEST_CODE = "(\\.(test|contract|fake)\\.tsx?$|^(test|bench)/)";
/** The wiring: files at the top of supervisor/, which alone know every room. better-sqlite3 is main.ts's lock. */
const WIRING = "^supervisor/[^/]+\\.ts$";

/** A bundle that another loads at run time (scripts/build.mjs knows which there are). */
const SIBLING_BUNDLE = "^\\./[a-z-]+\\.cjs$";

/** @param {string[]} names */
const anyOf = (names) => names.join("|");
/** @param {string[]} names */
const library = (names) => `(^|/)node_modules/(@types/)?(${anyOf(names)})(/|$)`;

const allowedInRooms = Object.entries(ROOMS).flatMap(([room, { ours = [], libraries = [], node = false }]) => {
  const from = { path: `^${room}/`, pathNot: TEST_CODE };
  return [
    { from, to: { path: `^(${anyOf([room, ...ours])})/` } },
    ...(libraries.length > 0 ? [{ from, to: { path: library(libraries) } }] : []),
    ...(node ? [{ from, to: { dependencyTypes: ["core"] } }] : []),
  ];
});

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  allowed: [
    ...allowedInRooms,
    // Of Node, schemas may use what only computes.
    { from: { path: "^schemas/" }, to: { path: "^(node:)?(buffer|crypto|path|stream)$", dependencyTypes: ["core"] } },
    { from: { path: WIRING }, to: { path: "^(supervisor|schemas)/" } },
    { from: { path: WIRING }, to: { dependencyTypes: ["core"] } },
    { from: { path: WIRING }, to: { path: library(["better-sqlite3"]) } },
    // Of what cannot be found, no-unresolved speaks.
    { from: {}, to: { couldNotResolve: true } },
    { from: { path: TEST_CODE }, to: {} },
  ],
  allowedSeverity: "error",
  forbidden: [
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-import-of-test-code",
      severity: "error",
      from: { path: OURS, pathNot: TEST_CODE },
      to: { path: TEST_CODE },
    },
    {
      name: "no-import-of-an-entry",
      comment: "A bundle's entry runs when it is loaded.",
      severity: "error",
      from: {},
      to: { path: "^supervisor/(main|stdio-entry|cli/main|cli/entry|process-host/main)\\.ts$" },
    },
    {
      name: "process-host-knows-frames-only",
      severity: "error",
      from: { path: "^supervisor/process-host/", pathNot: TEST_CODE },
      to: { path: "^schemas/", pathNot: `^schemas/(${anyOf(SCHEMAS_OF_THE_PROCESS_HOST)})\\.ts$` },
    },
    {
      name: "no-unresolved",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: `^vscode$|${SIBLING_BUNDLE}` },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "types"],
      mainFields: ["main", "types"],
      extensions: [".ts", ".tsx", ".d.ts", ".js", ".mjs", ".cjs", ".json"],
    },
  },
};
