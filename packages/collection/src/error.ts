/**
 * Why evidence could not be collected. docs/reference/errors.md.
 */
export type CollectionFault =
  | { readonly code: 'TPM_UNREACHABLE'; readonly path: string; readonly reason: string }
  | { readonly code: 'TPM_SILENT'; readonly path: string }
  /** `response` is a TPM_RC: Trusted Platform Module Library, part 2. */
  | { readonly code: 'TPM_REFUSED'; readonly command: string; readonly response: number }
  | { readonly code: 'TPM_MALFORMED'; readonly command: string }
  /** The interface is not there, or does not answer as it should. */
  | { readonly code: 'NO_EVIDENCE'; readonly from: string; readonly reason: string }
  /** Others use the interface all the time. */
  | { readonly code: 'BUSY'; readonly from: string; readonly reason: string }
  | { readonly code: 'NO_ENDORSEMENTS'; readonly from: string; readonly reason: string };

export class CollectionError extends Error {
  readonly detail: CollectionFault;

  constructor(detail: CollectionFault) {
    const { code, ...fields } = detail;
    super(
      [
        code,
        ...Object.values(fields).map((field) => (typeof field === 'number' ? `0x${field.toString(16)}` : field)),
      ].join(': '),
    );
    this.detail = detail;
  }
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
