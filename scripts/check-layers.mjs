/**
 * Checks the arrows between the rooms (.dependency-cruiser.cjs), and first that the check can fail: it plants bad
 * imports in a miniature of the repository and wants each of them reported, and no import that is allowed.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cruise } from "dependency-cruiser";
import extractOptions from "dependency-cruiser/config-utl/extract-depcruise-options";
import { ROOT } from "./source-state.mjs";

const FOLDERS = ["schemas", "supervisor", "extension", "webview-ui", "test"];

/**
 * `<file> <import>` to the rule that is to report it, or null for an import that is allowed.
 * @type {Record<string, string | null>}
 */
const PLANTED = {
  "supervisor/core/to-rim.ts ../hive/target.ts": "not-in-allowed",
  "supervisor/core/to-ports.ts ../ports/target.ts": "not-in-allowed",
  "supervisor/core/to-node.ts node:fs": "not-in-allowed",
  "supervisor/core/to-bare-node.ts fs": "not-in-allowed",
  "supervisor/core/to-library.ts zod": "not-in-allowed",
  "supervisor/core/to-schemas.ts ../../schemas/target.ts": null,
  "supervisor/ports/to-node.ts node:net": "not-in-allowed",
  "supervisor/ports/to-core.ts ../core/target.ts": null,
  "supervisor/akasha/to-hive.ts ../hive/target.ts": "not-in-allowed",
  "supervisor/akasha/to-library.ts better-sqlite3": null,
  "supervisor/hive/to-akasha.ts ../akasha/target.ts": "not-in-allowed",
  "supervisor/hive/to-library.ts better-sqlite3": "not-in-allowed",
  "supervisor/hive/to-node.ts node:fs": null,
  "supervisor/weaver/to-hive.ts ../hive/target.ts": "not-in-allowed",
  "supervisor/weaver/to-library.ts zod": "not-in-allowed",
  "supervisor/cortex/to-store.ts ../akasha/target.ts": "not-in-allowed",
  "supervisor/process-host/to-core.ts ../core/target.ts": "not-in-allowed",
  "supervisor/process-host/to-schemas.ts ../../schemas/target.ts": "process-host-knows-frames-only",
  "supervisor/client/to-core.ts ../core/target.ts": "not-in-allowed",
  "supervisor/cli/to-cortex.ts ../cortex/target.ts": "not-in-allowed",
  "supervisor/cli/to-client.ts ../client/target.ts": null,
  "supervisor/cli/to-bundle.ts ./cli.cjs": null,
  "supervisor/cli/to-pty.ts @lydell/node-pty": "not-in-allowed",
  "supervisor/hive/to-nowhere.ts ./nowhere.ts": "no-unresolved",
  "supervisor/core/to-circle.ts ./to-circle-too.ts": "no-circle",
  "supervisor/core/to-circle-too.ts ./to-circle.ts": "no-circle",
  "supervisor/core/to-test.ts ./target.test.ts": "no-import-of-test-code",
  "supervisor/core/anything.test.ts ../hive/target.ts": null,
  "supervisor/main.ts ./hive/target.ts": null,
  "supervisor/client/to-entry.ts ../cli/main.ts": "no-import-of-an-entry",
  "schemas/to-core.ts ../supervisor/core/target.ts": "not-in-allowed",
  "schemas/to-library.ts zod": null,
  "schemas/to-node.ts node:path": null,
  "schemas/to-files.ts node:fs": "not-in-allowed",
};

const config = await extractOptions(join(ROOT, ".dependency-cruiser.cjs"));
const complaints = [...(await complainOfCheck()), ...(await complainOfSources())];
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;

async function complainOfCheck() {
  mkdirSync(join(ROOT, ".tsbuild"), { recursive: true });
  const miniature = mkdtempSync(join(ROOT, ".tsbuild", "planted-imports-"));
  try {
    plant(miniature);
    const found = await violations(miniature);
    return Object.entries(PLANTED).flatMap(([line, rule]) => {
      const [file = ""] = line.split(" ");
      const rules = found.filter(({ files }) => files.includes(file)).map(({ rule }) => rule);
      if (rule === null ? rules.length === 0 : rules.includes(rule)) return [];
      return [`the check itself: ${line} is to be ${rule ?? "allowed"}, and is reported as [${rules.join(", ")}]`];
    });
  } finally {
    rmSync(miniature, { recursive: true });
  }
}

/** @param {string} folder */
function plant(folder) {
  const write = (/** @type {string} */ path, /** @type {string} */ text) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const importers = Object.keys(PLANTED).map((line) => line.split(" ")[0]);
  for (const line of Object.keys(PLANTED)) {
    const [file = "", target = ""] = line.split(" ");
    write(file, `import { planted } from "${target}";\nexport const here = planted;\n`);
    if (target.startsWith(".") && !/nowhere|\.cjs$/.test(target)) {
      const path = join(dirname(file), target);
      if (!importers.includes(path)) write(path, "export const planted = 1;\n");
    }
  }
}

async function complainOfSources() {
  const found = await violations(ROOT);
  return found.map(({ from, to, rule }) => `${from} -> ${to}: ${rule}`);
}

/** @param {string} folder */
async function violations(folder) {
  const folders = FOLDERS.filter((name) => existsSync(join(folder, name)));
  const { output } = await cruise(folders, { ...config, baseDir: folder });
  if (typeof output === "string") throw new Error(`dependency-cruiser answered with text: ${output}`);
  if (output.summary.totalCruised === 0) throw new Error(`dependency-cruiser found no file in ${folder}`);
  return output.summary.violations.map(({ from, to, rule, cycle }) => ({
    from,
    to,
    rule: rule.name,
    // A circle is reported once, from one of its files.
    files: [from, ...(cycle ?? []).map(({ name }) => name)],
  }));
}
