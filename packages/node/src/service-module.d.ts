/** Provided when a release is built: the versions of the service that it speaks, loaded and confined. */
declare module 'coppice:service' {
  import type { Services } from '@coppice/execution';
  export const services: Services;
}
