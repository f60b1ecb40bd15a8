/** `npm run bench`: bundles bench/*.ts and runs it against the build. Arguments choose groups: `npm run bench -- start output`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "overmind-bench-"));
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
    define: { "import.meta.dirname": JSON.stringify(here) },
    logLevel: "warning",
  });
  const { main } = await import(pathToFileURL(outfile).href);
  await main(process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true });
}
