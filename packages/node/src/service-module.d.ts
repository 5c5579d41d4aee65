/** Provided when a release is built: the service, loaded and confined. */
declare module 'coppice:service' {
  import type { Service } from '@coppice/execution';
  export const runtime: Service;
}
