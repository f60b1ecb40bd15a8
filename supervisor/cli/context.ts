/** What a command works with: where it prints, what it knows of its caller, and the supervisor. */
import type { ResultOf } from "../../schemas/client-protocol.ts";
import type { HomeLayout } from "../../schemas/home.ts";
import type { Style } from "../../schemas/text/style.ts";
import type { Connection } from "../client/connection.ts";
import type { Link } from "./link.ts";

export interface Output {
  /**
   * Resolves when more may be written: whoever floods waits for it. Throws ReaderGone once nobody reads any more, as
   * after `| head`.
   */
  write(data: string | Uint8Array): Promise<void>;
  readonly isTerminal: boolean;
  readonly colour: boolean;
  readonly style: Style;
}

export interface CliContext {
  readonly out: Output;
  readonly err: Output;
  readonly environment: Readonly<NodeJS.ProcessEnv>;
  readonly workingFolder: string;
  /** Where this user's Overmind lies; of a session's own supervisor it is not known. */
  readonly layout: HomeLayout;
  /** Of the build that this command line is part of. */
  readonly identity: { readonly version: string; readonly buildId: string };
  /** Holds the bundles of that build. */
  readonly programFolder: string;
  now(): number;
  /** The way to the supervisor, which is started when it does not run. Made once, closed at the command's end. */
  readonly link: Link;
  /** A connection to the supervisor if one runs; never starts one. The caller closes it. */
  connectIfRunning(): Promise<Connection | undefined>;
  /** Returns once its process is gone; undefined when none runs. Throws FaultError, as all of these. */
  stopSupervisor(options: { readonly sessions: boolean }): Promise<ResultOf<"supervisor/stop"> | undefined>;
  /** Ends whichever runs, and starts this build's. The caller closes the connection. */
  restartSupervisor(): Promise<Connection>;
  /** What runs the supervisor in the foreground, from a copy that an update does not delete. */
  supervisorCommand(): readonly string[];
  /** Resolves with the first Ctrl-C from now on, which then does not end this process: for commands that go on until it. */
  interrupted(): Promise<void>;
}

/** Nobody reads standard output any more: the command ends, and that is no failure. */
export class ReaderGone extends Error {
  constructor() {
    super("nobody reads standard output any more");
    this.name = "ReaderGone";
  }
}
