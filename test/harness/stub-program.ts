/**
 * An Overmind whose door is real and whose rooms are not: the two executables as the build makes them, over a stub of
 * the supervisor (test/fixtures/stub-supervisor.cjs) and of the command line, which prints its arguments.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const REPOSITORY = resolve(import.meta.dirname, "../..");
export const STUB_SUPERVISOR = join(REPOSITORY, "test/fixtures/stub-supervisor.cjs");
const STUB_CLI = `console.log("cli", ...process.argv.slice(2), __dirname === require("node:path").dirname(__filename));`;

export async function makeStubProgram(folder: string): Promise<void> {
  mkdirSync(join(folder, "native"), { recursive: true });
  await build({
    entryPoints: {
      overmind: join(REPOSITORY, "supervisor/cli/entry.ts"),
      "overmind-supervisor": join(REPOSITORY, "supervisor/stdio-entry.ts"),
    },
    outdir: folder,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    define: { OVERMIND_VERSION: '"0.1.0"', "import.meta.dirname": "__dirname" },
    logLevel: "warning",
  });
  writeFileSync(join(folder, "supervisor.cjs"), `require(${JSON.stringify(STUB_SUPERVISOR)});\n`);
  writeFileSync(join(folder, "cli.cjs"), STUB_CLI);
  writeFileSync(join(folder, "build-id"), "b1\n");
  writeFileSync(join(folder, "native", "pty.node"), "no real one");
}

/** This process's environment with a home of its own and nothing else of Overmind's. */
export function environmentFor(home: string): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: "1", OVERMIND_HOME: home };
  for (const name of ["OVERMIND_ENDPOINT", "OVERMIND_TOKEN", "NODE_EXTRA_CA_CERTS"]) delete environment[name];
  return environment;
}
