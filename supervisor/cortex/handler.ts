/** What a handler is given and what it gives back. */
import type {
  MethodName,
  NotificationParams,
  Params,
  ResultOf,
  SupervisorNotification,
} from "../../schemas/client-protocol.ts";
import type { Result } from "../../schemas/fault.ts";
import type { Disposable } from "../ports/hive.ts";

export type Caller =
  | { readonly kind: "person" }
  | { readonly kind: "session"; readonly session: { readonly id: string; readonly name: string } };

/** What a client holds beyond one request; disposed of at the latest with its connection. */
export interface Subscription extends Disposable {
  /** The client has room for so many bytes more. */
  credit?(bytes: number): void;
}

/** One client, for what it is told unasked. */
export interface ClientConnection {
  notify<N extends SupervisorNotification>(method: N, params: NotificationParams<N>): void;
  /** Raw or base64, as the client asked. `bytes` are whole records of the stream from `offset` on. */
  sendOutput(subscription: number, attempt: number, offset: number, bytes: Uint8Array): void;
  /** True while the client has not read what it was sent: nothing more should be sent. */
  readonly saturated: boolean;
  /** Resolves when it has, or when the connection is closed. */
  drained(): Promise<void>;
  /** Holds it until it is released or the connection closes; undefined when the client holds too many. */
  hold(subscription: Subscription): number | undefined;
  held(subscription: number): Subscription | undefined;
  release(subscription: number): void;
}

export interface RequestContext {
  readonly caller: Caller;
  readonly connection: ClientConnection;
  /** Aborted when the client cancels the request or goes away. */
  readonly cancelled: AbortSignal;
  /** Runs this once the reply is written: what a client is told unasked must not come before the reply that names it. */
  afterReply(run: () => void): void;
}

export type Handler<M extends MethodName> = (
  params: Params<M>,
  context: RequestContext,
) => Promise<Result<ResultOf<M>>> | Result<ResultOf<M>>;

export type Handlers = { readonly [M in Exclude<MethodName, "hello">]: Handler<M> };
