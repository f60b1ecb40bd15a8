// Only what Biome cannot do: rules that need types, and the rule that keeps clocks, randomness and the environment at
// the rim (STYLE 3). Biome formats and does the rest of the linting.
import tseslint from "typescript-eslint";

const RIM = "Core decides, the rim acts: take it as an argument, or through a port";

const globalsOfTheRim = ["setTimeout", "setInterval", "setImmediate", "performance"];
const propertiesOfTheRim = [
  ["Date", "now"],
  ["Math", "random"],
  ["process", "env"],
  ["process", "hrtime"],
  ["globalThis", "setTimeout"],
  ["globalThis", "setInterval"],
  ["globalThis", "setImmediate"],
  ["globalThis", "process"],
];
const modulesOfTheRim = ["node:timers", "node:timers/promises", "node:perf_hooks"];

export default tseslint.config(
  { ignores: ["dist/", ".tsbuild/", "node_modules/", "coverage/", "test/fixtures/"] },
  {
    files: ["**/*.ts", "**/*.tsx"],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: {
      // A block may be empty when it says why: no silent catch. (Biome would ask the same of every no-op function.)
      "no-empty": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/prefer-promise-reject-errors": "error",
      "@typescript-eslint/return-await": ["error", "in-try-catch"],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
    },
  },
  {
    files: ["schemas/**/*.ts", "supervisor/{core,manifest,ports,weaver,sessions,agents,cortex,akasha}/**/*.ts"],
    ignores: ["**/*.test.ts", "**/*.contract.ts", "**/*.fake.ts"],
    rules: {
      "no-restricted-globals": ["error", ...globalsOfTheRim.map((name) => ({ name, message: RIM }))],
      "no-restricted-properties": [
        "error",
        ...propertiesOfTheRim.map(([object, property]) => ({ object, property, message: RIM })),
      ],
      "no-restricted-imports": [
        "error",
        {
          paths: [
            ...modulesOfTheRim.map((name) => ({ name, message: RIM })),
            { name: "node:process", importNames: ["env", "hrtime"], message: RIM },
          ],
        },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: RIM },
        { selector: "CallExpression[callee.name='Date']", message: RIM },
      ],
    },
  },
);
