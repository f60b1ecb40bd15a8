/** What scripts/build.mjs and vitest.config.ts put into the sources; part of every room's project. */

/** package.json's version. */
declare const OVERMIND_VERSION: string;

/** An SQL file, as its text. */
declare module "*.sql" {
  const text: string;
  export default text;
}
