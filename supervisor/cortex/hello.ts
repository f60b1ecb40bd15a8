/** Who a client is and whether the two understand each other: the rules of a connection's first request. */
import { methods, type Params, type ResultOf } from "../../schemas/client-protocol.ts";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { PROTOCOL_OLDEST, PROTOCOL_VERSION } from "../../schemas/protocol-version.ts";
import type { Store } from "../ports/store.ts";
import type { Caller } from "./handler.ts";
import { invalidParams } from "./invalid-params.ts";
import type { SupervisorIdentity } from "./services.ts";

/** The main socket is the user's own; on the session socket a token says whose session it is. */
export type Door = "main" | "session";

const BINARY_OUTPUT = "binary-output";
const CAPABILITIES: readonly string[] = [BINARY_OUTPUT];

export interface Greeted {
  readonly caller: Caller;
  readonly rawOutput: boolean;
  readonly reply: ResultOf<"hello">;
}

export function greet(
  params: unknown,
  door: Door,
  parts: {
    readonly store: Pick<Store, "hiveId" | "sessionByToken">;
    readonly identity: Pick<SupervisorIdentity, "version" | "buildId" | "pid">;
  },
): Result<Greeted> {
  const { store, identity } = parts;
  // The range comes first: a client of another age may say the rest in words that this one does not know.
  const strange = versionFault(params, identity.version);
  if (strange !== undefined) return failed(strange);
  const parsed = methods.hello.params.safeParse(params);
  if (!parsed.success) return failed(invalidParams("hello", parsed.error.issues));
  const hello = parsed.data;
  const caller = callerOf(hello, door, store);
  if (!caller.ok) return caller;
  const { version, buildId, pid } = identity;
  const session = caller.value.kind === "session" ? { ...caller.value.session } : null;
  return ok({
    caller: caller.value,
    rawOutput: hello.capabilities?.includes(BINARY_OUTPUT) ?? false,
    reply: {
      protocol: Math.min(hello.protocol, PROTOCOL_VERSION),
      supervisor: { version, buildId, pid },
      hiveId: store.hiveId,
      capabilities: [...CAPABILITIES],
      session,
    },
  });
}

function versionFault(params: unknown, version: string): Fault | undefined {
  const { protocol, oldest } = (params ?? {}) as { readonly protocol?: unknown; readonly oldest?: unknown };
  if (!isVersion(protocol) || !isVersion(oldest)) return undefined; // The schema says it better.
  const ours = `this supervisor (Overmind ${version}) ${PROTOCOL_OLDEST} to ${PROTOCOL_VERSION}`;
  const text = `the client speaks versions ${oldest} to ${protocol} of the protocol, ${ours}`;
  if (protocol < PROTOCOL_OLDEST) {
    return fault("incompatible-version", `${text}: the client is too old`, {
      hint: "update this client of Overmind",
      data: { protocol: PROTOCOL_VERSION },
    });
  }
  if (oldest > PROTOCOL_VERSION) {
    return fault("incompatible-version", `${text}: the supervisor is too old`, {
      hint: "start the newer one: overmind supervisor restart (sessions go on)",
      data: { protocol: PROTOCOL_VERSION },
    });
  }
  return undefined;
}

function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** A token narrows on the main socket too: who shows one asks as that session, whichever way it came in. */
function callerOf(hello: Params<"hello">, door: Door, store: Pick<Store, "sessionByToken">): Result<Caller> {
  if (hello.token === undefined) {
    if (door === "main") return ok({ kind: "person" });
    return failed(
      fault("unauthenticated", "this socket serves sessions, and none showed its token", {
        hint: "inside a session OVERMIND_TOKEN holds it",
      }),
    );
  }
  const session = store.sessionByToken(hello.token);
  if (session !== undefined) return ok({ kind: "session", session: { id: session.id, name: session.name } });
  return failed(
    fault("unauthenticated", "the token belongs to no session", {
      hint: "OVERMIND_TOKEN is set by Overmind when a session starts; one of a removed session is worth nothing",
    }),
  );
}
