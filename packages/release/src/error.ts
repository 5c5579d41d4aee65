/**
 * Why there is no release, or none that can be used. docs/reference/releases.md lists the codes.
 */
export type ReleaseFault =
  /** The bundler, or the service's definition, is not content. */
  | 'cannot-build'
  /** Seeds, runtimes or the folder for the release. */
  | 'wrong-use'
  | 'no-release'
  | 'malformed-manifest'
  /** Its files are not as its manifest says. */
  | 'altered';

export class ReleaseError extends Error {
  override readonly name = 'ReleaseError';
  readonly code: ReleaseFault;

  constructor(code: ReleaseFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
