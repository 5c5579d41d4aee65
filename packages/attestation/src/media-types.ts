/**
 * Media types of endorsements that several platforms share (RFC 2585).
 */
export const certificateType = 'application/pkix-cert';
export const revocationListType = 'application/pkix-crl';
