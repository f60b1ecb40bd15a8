/**
 * How a front end comes to its connections: the first finds or starts the supervisor, each later one replaces one that
 * was lost. Inside a session it is the session's socket, with its token, and nothing is ever started.
 */
import { FaultError, fault } from "../../schemas/fault.ts";
import { type Connection, connect } from "./connection.ts";
import { type Target, targetOf } from "./endpoint.ts";
import { ensureSupervisor } from "./launch.ts";
import { type Program, runningProgram } from "./program.ts";
import { reconnect } from "./reconnect.ts";

export interface ConnectorOptions {
  readonly clientName: string;
  readonly environment: NodeJS.ProcessEnv;
  /** What the supervisor is started from; the program that runs when absent. */
  readonly program?: Program;
}

/** The function throws FaultError. */
export function connector(options: ConnectorOptions): () => Promise<Connection> {
  const { clientName, environment } = options;
  const target = targetOf(environment);
  const program = options.program ?? runningProgram();
  let hasConnected = false;
  return async () => {
    const open = () => openTarget(target, { clientName, environment, program });
    const connection = hasConnected ? await reconnect(target, { clientName, start: open }) : await open();
    hasConnected = true;
    return connection;
  };
}

async function openTarget(target: Target, options: Required<ConnectorOptions>): Promise<Connection> {
  if (target.kind === "home") return ensureSupervisor({ ...options, layout: target.layout });
  try {
    return await connect(target.endpoint, { clientName: options.clientName, token: target.token });
  } catch (error) {
    if (!(error instanceof FaultError) || error.fault.code !== "unreachable") throw error;
    throw new FaultError(
      fault("unreachable", "the supervisor above this session is down; the session itself goes on", {
        retryable: true,
        hint: "it comes back with the next overmind command outside of sessions",
        data: { ...error.fault.data },
      }),
    );
  }
}
