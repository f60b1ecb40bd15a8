/** Numbers of the client protocol that the command line's hot path needs without zod. */

/** Grows with each change that an older peer would misunderstand; additions that it may ignore do not count. */
export const PROTOCOL_VERSION = 1;
/** The oldest version that this build still serves and speaks. */
export const PROTOCOL_OLDEST = 1;

/** A request longer than this is refused and its connection closed: the largest honest one is a pasted text or an environment. */
export const MAX_REQUEST_BYTES = 8 << 20;
/** Header lines of one message together. */
export const MAX_HEADER_BYTES = 4096;
/** Deeper JSON is refused: no parameter of ours is nested deeper than eight. */
export const MAX_NESTING = 64;

export const OUTPUT_CONTENT_TYPE = "application/vnd.overmind.output";
/** Bytes before the records in an output message: subscription, attempt, offset. */
export const OUTPUT_PREFIX_BYTES = 16;

/** JSON-RPC error code of every Fault of ours; the Fault itself is the error's `data`. */
export const FAULT_ERROR_CODE = -32_000;
