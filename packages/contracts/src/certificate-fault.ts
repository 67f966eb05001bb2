/** Codes of errors by which Node.js says that it does not trust the certificate of the other side. */
const certificateFaults: readonly unknown[] = [
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
  "CERT_NOT_YET_VALID",
  "CERT_HAS_EXPIRED",
  "CERT_UNTRUSTED",
  "INVALID_CA",
  "ERR_TLS_CERT_ALTNAME_INVALID",
];

/** Whether an error with this code means that the certificate of the other side is not trusted. */
export const isCertificateFault = (code: unknown): boolean => certificateFaults.includes(code);
