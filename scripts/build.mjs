/**
 * Bundles each part of Overmind into one CommonJS file under dist/ (CommonJS starts faster than ES modules), with the
 * licences of what is bundled, and writes dist/build-id, a hash over the bundles. The same sources give the same bytes.
 *
 * What a bundle finds beside itself at run time: the other bundles, build-id, and native/ (see native-modules.mjs).
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { nativeModules } from "./native-modules.mjs";
import { BUILT_FROM, DIST, ROOT, sourceState } from "./source-state.mjs";

/** @type {Record<string, string>} */
const ENTRIES = {
  overmind: "supervisor/cli/entry.ts",
  cli: "supervisor/cli/main.ts",
  settings: "supervisor/cli/settings-file.ts",
  supervisor: "supervisor/main.ts",
  emulator: "supervisor/sessions/emulator-library.ts",
  "overmind-supervisor": "supervisor/stdio-entry.ts",
  "process-host": "supervisor/process-host/main.ts",
};
/** package.json's `bin`. */
const COMMANDS = ["overmind", "overmind-supervisor"];
/**
 * The bundles that may hold these libraries and no other: a command's start, and the process that cannot be replaced.
 * @type {Record<string, string[]>}
 */
const LEAN_BUNDLES = {
  overmind: [],
  cli: [],
  "overmind-supervisor": [],
  "process-host": [],
  emulator: ["@xterm/headless"],
};
const LICENCES = "third-party-licenses.txt";
/** Enough to tell two builds apart, short enough for a folder's name and a socket's path. */
const BUILD_ID_HEX_DIGITS = 12;

/** Where our sources are and where the bundles go: elsewhere only to try this script on stand-ins. */
const { values } = parseArgs({ options: { sources: { type: "string" }, out: { type: "string" } } });
const sources = values.sources ?? ROOT;
const out = values.out ?? DIST;

const startedAt = performance.now();
const builtFrom = sourceState();
/** @type {string} */
const version = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")).version;
const { bundles, metafile } = await bundle();
const buildId = idOf(bundles);

await mkdir(out, { recursive: true });
const written = [...bundles.keys(), LICENCES, "build-id", basename(BUILT_FROM)];
for (const name of await readdir(out)) if (!written.includes(name)) await rm(join(out, name), { recursive: true });
for (const [name, bytes] of bundles) {
  await replaceFile(join(out, name), bytes, COMMANDS.includes(basename(name, ".cjs")) ? 0o755 : 0o644);
}
await replaceFile(join(out, LICENCES), await licencesOf(metafile));
await replaceFile(join(out, "build-id"), `${buildId}\n`);
await replaceFile(join(out, basename(BUILT_FROM)), builtFrom);

const bytes = [...bundles.values()].reduce((sum, bundle) => sum + bundle.length, 0);
const elapsedMs = Math.round(performance.now() - startedAt);
console.log(`built ${version} (${buildId}): ${bundles.size} bundles, ${Math.ceil(bytes / 1024)} KiB, ${elapsedMs} ms`);

async function bundle() {
  const result = await build({
    entryPoints: [...Object.entries(ENTRIES).map(([name, path]) => ({ in: join(sources, path), out: name }))],
    absWorkingDir: ROOT,
    nodePaths: [join(ROOT, "node_modules")],
    outdir: DIST,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    write: false,
    metafile: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    minifySyntax: true,
    // A bundle that is run through V8's code cache has no loader for import(): what it loads later, it requires.
    supported: { "dynamic-import": false },
    legalComments: "none",
    loader: { ".sql": "text" },
    define: {
      OVERMIND_VERSION: JSON.stringify(version),
      "import.meta.dirname": "__dirname",
      "import.meta.filename": "__filename",
    },
    plugins: [siblingBundles(), nativeModules],
    logLevel: "warning",
  });
  if (result.warnings.length > 0) throw new Error("esbuild warned (above); a bundle that it doubts is not shipped");
  keepLean(result.metafile);
  const bundles = result.outputFiles.map(({ path, contents }) => {
    const isCommand = COMMANDS.includes(basename(path, ".cjs"));
    const head = Buffer.from(isCommand ? "#!/usr/bin/env node\n" : "");
    return /** @type {const} */ ([basename(path), Buffer.concat([head, inAscii(contents)])]);
  });
  return { bundles: new Map(bundles.sort(([a], [b]) => (a < b ? -1 : 1))), metafile: result.metafile };
}

/**
 * esbuild escapes what is not ASCII everywhere but in comments. Without these Node reads a bundle as it is, which saves
 * the supervisor's start some ms of decoding, and its memory the second byte of each character.
 * @param {Uint8Array} contents
 */
function inAscii(contents) {
  const text = Buffer.from(contents).toString("utf8");
  return Buffer.from(text.replace(/^\s*\/\/.*$/gm, (comment) => comment.replace(/[^\x20-\x7e\n]/g, "?")));
}

/**
 * `require("./cli.cjs")` in a source loads that bundle at run time, and so does `import()` of a bundle's own source.
 * @returns {import("esbuild").Plugin}
 */
function siblingBundles() {
  return {
    name: "sibling-bundles",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\/[a-z-]+\.cjs$/ }, ({ path }) => {
        if (Object.hasOwn(ENTRIES, basename(path, ".cjs"))) return { path, external: true };
        return { errors: [{ text: `${path} is not a bundle of this build` }] };
      });
      onResolve({ filter: /\.ts$/ }, ({ path, resolveDir, kind }) => {
        if (kind !== "dynamic-import") return undefined;
        const source = relative(sources, resolve(resolveDir, path)).replaceAll("\\", "/");
        const bundle = Object.entries(ENTRIES).find(([, entry]) => entry === source)?.[0];
        return bundle === undefined ? undefined : { path: `./${bundle}.cjs`, external: true };
      });
    },
  };
}

/** @param {import("esbuild").Metafile} metafile */
function keepLean({ outputs }) {
  for (const [name, allowed] of Object.entries(LEAN_BUNDLES)) {
    const output = Object.entries(outputs).find(([path]) => basename(path) === `${name}.cjs`)?.[1];
    if (output === undefined) throw new Error(`the build wrote no ${name}.cjs`);
    const libraries = new Set(Object.keys(output.inputs).map(libraryOf));
    for (const library of [undefined, ...allowed]) libraries.delete(library);
    if (libraries.size > 0) throw new Error(`${name}.cjs is to start lean, and bundles ${[...libraries].join(", ")}`);
  }
}

/**
 * "a/node_modules/@scope/name/b.js" -> "@scope/name"; undefined for a file of ours.
 * @param {string} path
 */
function libraryOf(path) {
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

/** @param {ReadonlyMap<string, Uint8Array>} bundles */
function idOf(bundles) {
  const hash = createHash("sha256");
  for (const [name, bytes] of bundles) hash.update(`${name}\n${bytes.length}\n`).update(bytes);
  return hash.digest("hex").slice(0, BUILD_ID_HEX_DIGITS);
}

/** @param {import("esbuild").Metafile} metafile */
async function licencesOf({ inputs }) {
  const texts = [];
  for (const library of [...new Set(Object.keys(inputs).map(libraryOf))].sort()) {
    if (library === undefined) continue;
    texts.push(`${library}\n\n${(await readFile(await licenceFile(library), "utf8")).trim()}\n`);
  }
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

/**
 * In the package, or for one that is published without it, in ours: scripts/licences.
 * @param {string} library
 */
async function licenceFile(library) {
  const folder = join(ROOT, "node_modules", library);
  const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
  if (file !== undefined) return join(folder, file);
  const ours = join(import.meta.dirname, "licences", `${library.replace("/", "-")}.txt`);
  if (existsSync(ours)) return ours;
  throw new Error(`${library} is bundled and has no licence file`);
}

/**
 * Puts the whole file in place at once: a test or a supervisor may be reading the one that it replaces.
 * @param {string} path
 * @param {string | Uint8Array} content
 */
async function replaceFile(path, content, mode = 0o644) {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  await writeFile(temporary, content, { mode });
  await rename(temporary, path);
}
