/**
 * The `overmind-supervisor` executable. `--stdio` makes sure that the supervisor runs and is then a byte pipe to its
 * socket, for editors; `run` is the supervisor itself, in the foreground: what clients start, and systemd.
 */
import { createConnection } from "node:net";
import { parse, resolve } from "node:path";
import { EXIT_CODE_OF_FAULT, type Fault, FaultError, fault, faultOf } from "../schemas/fault.ts";
import { homeLayout } from "../schemas/home.ts";
import { daemonEnvironment } from "./client/daemon-environment.ts";
import { type Target, targetOf } from "./client/endpoint.ts";
import { ensureSupervisor } from "./client/launch.ts";
import { loadBundle } from "./client/load-bundle.ts";
import { makePrivateFolders } from "./client/private-folders.ts";
import { runningProgram } from "./client/program.ts";
import { versionCopy } from "./client/version-copy.ts";

const USAGE = `overmind-supervisor keeps sessions running. People use \`overmind\`.

Usage:
  overmind-supervisor --stdio              start the supervisor if none runs, then carry bytes between it and stdio
  overmind-supervisor run [--home FOLDER]  be the supervisor, in the foreground (what systemd and launchd call)
  overmind-supervisor --version
  overmind-supervisor --help
`;
/** A supervisor closes its side at once when the client has closed its own. */
const HALF_CLOSED_MS = 5000;
/** By then the supervisor has used what it needs, and writing its code cache delays nobody. */
const WRITE_CACHE_AFTER_MS = 3000;

async function main(argv: readonly string[]): Promise<void> {
  const [mode, flag, value, ...rest] = argv;
  if (mode === "--stdio" && argv.length === 1) await pipeStdio(targetOf(process.env));
  else if (mode === "run" && argv.length === 1) run(targetOf(process.env));
  else if (mode === "run" && flag === "--home" && value !== undefined && rest.length === 0)
    run(targetOf({ OVERMIND_HOME: value }));
  else if (mode === "--version" && argv.length === 1) {
    const { version, buildId } = runningProgram();
    process.stdout.write(`overmind-supervisor ${version} (${buildId})\n`);
  } else if (mode === "--help" && argv.length === 1) process.stdout.write(USAGE);
  else
    throw new FaultError(
      fault("usage", `cannot be called so: ${argv.join(" ")}`, { hint: "overmind-supervisor --help" }),
    );
}

async function pipeStdio(target: Target): Promise<void> {
  const { stdin, stdout } = process;
  const socket = createConnection({ path: await answeringEndpoint(target), allowHalfOpen: true });
  await new Promise<void>((done, fail) => {
    socket.on("error", fail);
    stdout.on("error", () => done()); // Nobody reads any more.
    socket.on("end", () => stdout.write("", () => done()));
    stdin.on("end", () => setTimeout(done, HALF_CLOSED_MS));
    stdin.on("error", fail);
    stdin.pipe(socket);
    socket.pipe(stdout, { end: false });
  });
  process.exit(0);
}

async function answeringEndpoint(target: Target): Promise<string> {
  if (target.kind === "session") return target.endpoint;
  const connection = await ensureSupervisor({
    layout: target.layout,
    clientName: "overmind-supervisor --stdio",
    program: runningProgram(),
    environment: process.env,
  });
  connection.close();
  return target.layout.mainEndpoint;
}

/** Whoever calls it, it lives as if a client had started it: from its copy, in /, with a clean environment. */
function run(target: Target): void {
  if (target.kind === "session") {
    const inside = "a session has its supervisor above it";
    throw new FaultError(fault("usage", inside, { hint: "for another one, name its home: --home FOLDER" }));
  }
  const home = resolve(target.layout.home);
  const layout = homeLayout(home, { platform: process.platform, userId: process.getuid?.() ?? 0 });
  const program = runningProgram();
  makePrivateFolders(layout);
  const folder = versionCopy(layout, program);
  const environment = daemonEnvironment(process.env, home);
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(environment, name)) delete process.env[name];
  Object.assign(process.env, environment);
  process.argv.splice(2, process.argv.length, "run", "--home", home);
  process.chdir(parse(home).root);
  loadBundle("supervisor", {
    program: { ...program, folder },
    cacheFolder: undefined,
    writeAfterMs: WRITE_CACHE_AFTER_MS,
  });
}

function complain(reason: Fault): never {
  const hint = reason.hint === undefined ? "" : ` (${reason.hint})`;
  process.stderr.write(`overmind-supervisor: ${reason.message}${hint}\n`);
  process.exit(EXIT_CODE_OF_FAULT[reason.code]);
}

main(process.argv.slice(2)).catch((error: unknown) => complain(faultOf(error)));
