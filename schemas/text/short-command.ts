/** A command line in a few columns: what a person knows it by is its programs' and files' names, not their folders. */
import { cutToWidth } from "./width.ts";

/** Folders before the last part of an absolute path, at the beginning of a word. */
const FOLDERS = /(^|[\s=])\/(?:[^\s/]+\/)+(?=[^\s/])/g;

/** As it is when it fits; else absolute paths become their last part, and only then is it cut. */
export function shortCommand(command: string, columns: number): string {
  const fits = cutToWidth(command, columns) === command;
  return fits ? command : cutToWidth(command.replaceAll(FOLDERS, "$1"), columns);
}
