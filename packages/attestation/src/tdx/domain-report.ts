/**
 * The report of a trust domain: Intel TDX DCAP Quoting Library API, "TD Quote Body" 1.0 and 1.5. The latter appends
 * the versions after an update that keeps domains running, and the measurement of a service domain.
 */
export interface DomainReport {
  readonly teeTcbSvn: Uint8Array;
  readonly mrSeam: Uint8Array;
  readonly mrSignerSeam: Uint8Array;
  readonly seamAttributes: Uint8Array;
  readonly tdAttributes: Uint8Array;
  /** By what it is open to its host. */
  readonly open: {
    /** Debugging, and what is more of the kind. */
    readonly debug: boolean;
    /** A service domain of the host's choice may take it elsewhere. */
    readonly migratable: boolean;
    /** A service domain is bound to it. */
    readonly served: boolean;
    /** The host may take pages away, and have the kernel handle an exception wherever it touches them. */
    readonly exceptions: boolean;
  };
  readonly xfam: Uint8Array;
  readonly mrTd: Uint8Array;
  readonly mrConfigId: Uint8Array;
  readonly mrOwner: Uint8Array;
  readonly mrOwnerConfig: Uint8Array;
  /** Four registers that are extended at run time. */
  readonly rtmr: readonly Uint8Array[];
  readonly reportData: Uint8Array;
  /** Zero without a service domain, and in 1.0. */
  readonly mrServiceTd: Uint8Array;
}

const measurementBytes = 48;
const septVeDisable = 1n << 28n;
const migratable = 1n << 29n;
/** Debugging, LASS, SEPT_VE_DISABLE, MIGRATABLE, PKS, KL, PERFMON. */
const knownAttributes = 0xffn | (1n << 27n) | septVeDisable | migratable | (1n << 30n) | (1n << 31n) | (1n << 63n);
/** x87 and SSE. */
const neededFeatures = 0x3n;
/** And AVX, AVX-512, PT, PKU, CET, user interrupts, LBR, AMX. */
const knownFeatures = 0x6_dbe7n;

/** Of 584 bytes, or of 648. */
export function readDomainReport(body: Uint8Array): DomainReport {
  const register = (offset: number): Uint8Array => body.subarray(offset, offset + measurementBytes);
  const tdAttributes = body.subarray(120, 128);
  const attributes = littleEndian(tdAttributes);
  const mrServiceTd = body.length > 600 ? register(600) : new Uint8Array(measurementBytes);
  return {
    teeTcbSvn: body.subarray(0, 16),
    mrSeam: register(16),
    mrSignerSeam: register(64),
    seamAttributes: body.subarray(112, 120),
    tdAttributes,
    open: {
      debug: tdAttributes[0] !== 0,
      migratable: (attributes & migratable) !== 0n,
      served: mrServiceTd.some((byte) => byte !== 0),
      exceptions: (attributes & septVeDisable) === 0n,
    },
    xfam: body.subarray(128, 136),
    mrTd: register(136),
    mrConfigId: register(184),
    mrOwner: register(232),
    mrOwnerConfig: register(280),
    rtmr: [328, 376, 424, 472].map(register),
    reportData: body.subarray(520, 584),
    mrServiceTd,
  };
}

/** Why the domain was started with something that nobody here knows, or without what every one has. [36] */
export function unknownIn({ tdAttributes, xfam }: DomainReport): string | undefined {
  if ((littleEndian(tdAttributes) & ~knownAttributes) !== 0n) return 'unknown attributes';
  const features = littleEndian(xfam);
  return (features & ~knownFeatures) !== 0n || (features & neededFeatures) !== neededFeatures
    ? 'unknown features of the processor'
    : undefined;
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
