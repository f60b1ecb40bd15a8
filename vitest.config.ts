import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as { version: string };

/** Imports `.sql` files as text, as scripts/build.mjs does for the bundles. */
const sqlAsText = {
  name: "sql-as-text",
  enforce: "pre" as const,
  transform: (source: string, id: string) =>
    id.endsWith(".sql") ? { code: `export default ${JSON.stringify(source)};`, map: null } : undefined,
};

export default defineConfig({
  plugins: [sqlAsText],
  define: { OVERMIND_VERSION: JSON.stringify(version) },
  test: {
    // Whole-process tests load the machine by themselves; more at once would only make each wait for the others.
    maxWorkers: 2,
    expect: { requireAssertions: true },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["{schemas,supervisor}/**/*.test.ts"],
          testTimeout: 10_000,
        },
      },
      {
        extends: true,
        test: {
          name: "process",
          include: ["test/**/*.test.ts"],
          // A kill storm runs for minutes; a hang is still found before the whole run is given up.
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
