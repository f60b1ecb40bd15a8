/** `npm run bench`: bundles bench/*.ts and runs it against the build. Arguments choose groups: `npm run bench -- start output`. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const { version } = JSON.parse(readFileSync(join(here, "..", "package.json"), "utf8"));
mkdirSync(join(here, "..", ".tsbuild"), { recursive: true });
// Inside the project, so that what is not bundled is found in its node_modules.
const folder = mkdtempSync(join(here, "..", ".tsbuild", "bench-"));
try {
  const outfile = join(folder, "bench.mjs");
  await build({
    entryPoints: [join(here, "bench.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["@lydell/node-pty"],
    // Every module that asks lies two folders below the project, as test/harness does.
    define: {
      "import.meta.dirname": JSON.stringify(join(here, "..", "test", "harness")),
      OVERMIND_VERSION: JSON.stringify(version),
    },
    logLevel: "warning",
  });
  const { main } = await import(pathToFileURL(outfile).href);
  await main(process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true });
}
