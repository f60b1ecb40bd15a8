/**
 * V8 flags of the processes that stay: supervisor and process host. V8 lets its nursery grow to 16 MiB a half while work
 * comes in bursts and gives it back late or never, and lets the heap grow in large steps; these two are there for days,
 * mostly idle, and their work is to pass bytes on, which no compiled code makes faster.
 */
export const DAEMON_FLAGS: readonly string[] = ["--max-semi-space-size=1", "--optimize-for-size"];
