/**
 * Evaluated before everything else (a chunk of its own, see `vite.config.ts`): validators try at their making whether they may make
 * functions of text, which the policy forbids. This is where zod keeps its configuration, and finds it (zod/v4/core).
 */
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } })

export {}
