/** Where the native binding of libsodium for this machine is. */
import { createRequire } from 'node:module';

/** Its name beside a bundle. */
export const bindingName = 'sodium.node';

export function bindingPath(): string {
  return createRequire(import.meta.url).resolve(
    `sodium-native/prebuilds/${process.platform}-${process.arch}/sodium-native.node`,
  );
}
