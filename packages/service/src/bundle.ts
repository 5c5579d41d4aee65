/**
 * Bundling a service: what the bundler must give, and what it becomes.
 *
 *     service.ts ──esbuild, with these options──▶ script ──finishBundle──▶ script that `loadService` takes
 */
import { languageLevel, scriptVariable } from './instrument/names.ts';

export { instrument, ScriptError } from './instrument/instrument.ts';

/** Options for esbuild, to which entry points and an output are added. The outcome depends on nothing of the machine. */
export const bundleOptions = {
  bundle: true,
  format: 'iife' as const,
  globalName: scriptVariable,
  target: `es${languageLevel}`,
  // No platform's modules are there, and no conditions of one.
  platform: 'neutral' as const,
  mainFields: ['module', 'main'],
  conditions: ['import'],
  charset: 'utf8' as const,
  legalComments: 'none' as const,
  treeShaking: true,
  sourcemap: false,
  logLevel: 'silent' as const,
};
