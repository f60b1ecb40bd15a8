/** The context of a command that is this process. */
import { homedir } from "node:os";
import { join } from "node:path";
import { FaultError, fault } from "../../schemas/fault.ts";
import { homeFolder, homeLayout } from "../../schemas/home.ts";
import { type Connection, connect } from "../client/connection.ts";
import { connector } from "../client/connector.ts";
import { targetOf } from "../client/endpoint.ts";
import { type LaunchOptions, restartSupervisor, stopSupervisor } from "../client/launch.ts";
import { runningProgram } from "../client/program.ts";
import { versionCopy } from "../client/version-copy.ts";
import type { CliContext } from "./context.ts";
import { Link } from "./link.ts";
import { processOutput } from "./output/process-output.ts";

const CLIENT_NAME = "overmind";
const NOBODY_LISTENS: ReadonlySet<unknown> = new Set(["ENOENT", "ECONNREFUSED"]);

export function processContext(): CliContext {
  const environment = process.env;
  const program = runningProgram();
  const target = targetOf(environment);
  const layout = target.kind === "home" ? target.layout : ownHome(environment);
  const launch: LaunchOptions = { layout, clientName: CLIENT_NAME, program, environment };
  const outsideOnly = () => {
    if (target.kind === "session") throw insideSession();
  };
  return {
    out: processOutput(process.stdout, environment),
    err: processOutput(process.stderr, environment),
    environment,
    workingFolder: process.cwd(),
    layout,
    identity: { version: program.version, buildId: program.buildId },
    programFolder: program.folder,
    now: () => Date.now(),
    link: new Link(connector({ clientName: CLIENT_NAME, environment, program })),
    async connectIfRunning() {
      if (target.kind === "session") return connect(target.endpoint, { clientName: CLIENT_NAME, token: target.token });
      return connectIfAnswered(layout.mainEndpoint);
    },
    async stopSupervisor(options) {
      outsideOnly();
      return stopSupervisor(launch, options);
    },
    async restartSupervisor() {
      outsideOnly();
      return restartSupervisor(launch);
    },
    supervisorCommand() {
      outsideOnly();
      return [
        process.execPath,
        join(versionCopy(layout, program), "overmind-supervisor.cjs"),
        "run",
        "--home",
        layout.home,
      ];
    },
    interrupted() {
      return new Promise((resolve) => process.once("SIGINT", () => resolve()));
    },
  };
}

/** Undefined when nobody listens there. */
async function connectIfAnswered(endpoint: string): Promise<Connection | undefined> {
  try {
    return await connect(endpoint, { clientName: CLIENT_NAME });
  } catch (error) {
    if (error instanceof FaultError && NOBODY_LISTENS.has(error.fault.data?.systemCode)) return undefined;
    throw error;
  }
}

/** Inside a session it is not known where the supervisor above lies; this is where one outside would. */
function ownHome(environment: NodeJS.ProcessEnv) {
  const facts = { environment, platform: process.platform, userHome: homedir(), userId: process.getuid?.() ?? 0 };
  return homeLayout(homeFolder(facts), facts);
}

function insideSession(): FaultError {
  return new FaultError(
    fault("not-permitted", "a session cannot stop, restart or install the supervisor above it", {
      hint: "do it outside of sessions",
    }),
  );
}
