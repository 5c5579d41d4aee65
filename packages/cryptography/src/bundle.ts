/** For those who bundle a program that uses this package: the native library has to come along. */
import { hash } from 'node:crypto';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bindingName, bindingPath } from './binding.ts';

/**
 * Puts the library into the folder of the bundle. What it gives must be defined for the bundle: then it loads that library and
 * no other, and whoever knows the bundle's digest knows the library's.
 */
export function bundleSodium(folder: string): { readonly COPPICE_SODIUM_SHA256: string } {
  const path = join(folder, bindingName);
  copyFileSync(bindingPath(), path);
  return { COPPICE_SODIUM_SHA256: JSON.stringify(hash('sha256', readFileSync(path), 'hex')) };
}
