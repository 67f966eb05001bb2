// The encoder of certificates is written with decorators and wants this before it is loaded.
import "reflect-metadata";

import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate and its private key, as PEM. */
export interface TestCertificate {
  cert: string;
  key: string;
}

/** A certificate authority of a test's own. */
export interface TestCa {
  /** Its own certificate, as PEM: what clients have to trust. */
  cert: string;
  /** A certificate for these host names and addresses; for a day unless told. */
  issue(hosts: readonly string[], times?: { notBefore: Date; notAfter: Date }): Promise<TestCertificate>;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;
const today = () => ({ notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + dayMs) });
const serialNumber = (): string => Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString("hex");

const pemOf = async (key: webcrypto.CryptoKey): Promise<string> => {
  const lines = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${lines.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END PRIVATE KEY-----\n`;
};

/** Makes a certificate authority. Two of them have different keys, whatever their names. */
export async function createTestCa(name = "AgentVine test CA"): Promise<TestCa> {
  cryptoProvider.set(globalThis.crypto);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const ca = await X509CertificateGenerator.createSelfSigned({
    ...{ serialNumber: serialNumber(), name: `CN=${name}`, ...today() },
    ...{ signingAlgorithm: algorithm, keys },
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    cert: `${ca.toString("pem")}\n`,
    async issue(hosts, times = today()) {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const certificate = await X509CertificateGenerator.create({
        ...{ serialNumber: serialNumber(), subject: `CN=${hosts[0] ?? "nobody"}`, issuer: ca.subject },
        ...{ ...times, signingAlgorithm: algorithm, publicKey: own.publicKey, signingKey: keys.privateKey },
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
          new SubjectAlternativeNameExtension(
            hosts.map((host) => ({ type: isIP(host) === 0 ? "dns" : "ip", value: host })),
          ),
        ],
      });
      return { cert: `${certificate.toString("pem")}\n`, key: await pemOf(own.privateKey) };
    },
  };
}
