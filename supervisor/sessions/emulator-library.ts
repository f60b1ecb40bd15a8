/** The terminal emulator's library: a bundle of its own, dist/emulator.cjs, which the first screen loads. */
import * as library from "@xterm/headless";

// A CommonJS library: all that it exports is its default, whoever loads it.
export const { Terminal } = (library as unknown as { readonly default: typeof library }).default;
