export { type BuildOptions, buildRelease, entryFor, openRelease, type Release, scriptsOf } from './build.ts';
export { bundleProgram, bundleService } from './bundle.ts';
export { compareVariants, type Diversity, variantNamed } from './diversity.ts';
export { ReleaseError } from './error.ts';
export { type Manifest, type ReleaseVariant } from './manifest.ts';
export { ReleaseStore } from './store.ts';
export { type ReleaseProblem, type ReleaseVerdict, signedStatement, verifyRelease } from './verify.ts';
