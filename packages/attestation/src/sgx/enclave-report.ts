/**
 * The report of an SGX enclave: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3D, "REPORT".
 */
export interface EnclaveReport {
  readonly miscSelect: Uint8Array;
  readonly attributes: Uint8Array;
  readonly debug: boolean;
  readonly mrEnclave: Uint8Array;
  readonly mrSigner: Uint8Array;
  /** Fixed at launch, with key separation and sharing (KSS). */
  readonly configId: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly reportData: Uint8Array;
}

/** Of 384 bytes. */
export function readEnclaveReport(body: Uint8Array): EnclaveReport {
  const attributes = body.subarray(48, 64);
  return {
    miscSelect: body.subarray(16, 20),
    attributes,
    debug: (attributes[0]! & 2) !== 0,
    mrEnclave: body.subarray(64, 96),
    mrSigner: body.subarray(128, 160),
    configId: body.subarray(192, 256),
    isvProdId: body[256]! + 256 * body[257]!,
    isvSvn: body[258]! + 256 * body[259]!,
    reportData: body.subarray(320, 384),
  };
}
