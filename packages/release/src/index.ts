export { type BuildOptions, buildRelease, openRelease, type Release } from './build.ts';
export { bundleProgram } from './bundle.ts';
export { compareVariants, type Diversity, variantNamed } from './diversity.ts';
export { ReleaseError } from './error.ts';
export { type ConstitutionEntry, type Manifest, type ReleaseVariant } from './manifest.ts';
export { type ReleaseProblem, type ReleaseVerdict, verifyRelease } from './verify.ts';
