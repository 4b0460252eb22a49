import { CodedError, throwIfAborted } from '../../shared/errors.js';
import type { JsonObject } from '../../shared/json.js';
import { jsonMember } from '../../shared/json.js';
import { apiFailure } from '../../shared/kube/api-failure.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import { isKubeError } from '../../shared/kube/kube-error.js';
import type { RbacRule } from '../../shared/kube/rbac-rule.js';
import { ruleText } from '../../shared/kube/rbac-rule.js';
import type { ResourceType } from '../../shared/kube/resource-location.js';
import type { CaObject } from './ca-publisher.js';

/** As in `deploy/components/trust-bundle`. Kubernetes requires that the name begins with the signer's. */
export const trustBundleSigner = 'connectors.alauda.io/proxy';
export const trustBundleName = 'connectors.alauda.io:proxy:ca';

const kind = 'ClusterTrustBundle';
const apiGroup = 'certificates.k8s.io';
/** Kubernetes 1.37 and later, and versions before. */
const types: readonly ResourceType[] = ['v1', 'v1beta1'].map((version) => ({
  ...{ apiVersion: `${apiGroup}/${version}`, kind, plural: 'clustertrustbundles' },
}));

const ruleOfObject: RbacRule = {
  ...{ apiGroup, resource: 'clustertrustbundles', resourceNames: [], verbs: ['create', 'get', 'patch'] },
};
/** Checked by an admission plugin of the API server, which does not name the verb as RBAC does. */
const ruleOfSigner: RbacRule = {
  ...{ apiGroup, resource: 'signers', resourceNames: [trustBundleSigner], verbs: ['attest'] },
};

/** The CA as a ClusterTrustBundle, which any pod can mount without a volume of the driver. */
export function trustBundle(client: KubeClient): CaObject {
  return {
    kind,
    name: trustBundleName,
    write: (certificate, signal) => write(client, certificate, signal),
    toFailure: (error) =>
      apiFailure(error, {
        doing: `publishing ${kind} ${trustBundleName}`,
        needed: ruleOfObject,
        problem: client.problem,
        ...(isAttestDenied(error)
          ? { statusMappings: { 403: { code: 'FAILED_PRECONDITION', explain: explainAttest } } }
          : {}),
      }),
  };
}

async function write(client: KubeClient, certificate: string, signal: AbortSignal): Promise<boolean> {
  const spec: JsonObject = { signerName: trustBundleSigner, trustBundle: certificate };
  for (const type of types) {
    const { apiVersion } = type;
    try {
      await client.create({ type }, { apiVersion, kind, metadata: { name: trustBundleName }, spec }, { signal });
      return true;
    } catch (error) {
      throwIfAborted(signal);
      // The API server does not serve the version.
      if (isKubeError(error, 404)) continue;
      if (!isKubeError(error, 409)) throw error;
    }
    const location = { type, name: trustBundleName };
    const existing = await client.get(location, { signal });
    if (jsonMember(existing['spec'], 'trustBundle') === certificate) return false;
    await client.patch(location, { spec: { trustBundle: certificate } }, { signal });
    return true;
  }
  throw new CodedError(
    'FAILED_PRECONDITION',
    `the API server serves no ${kind}: enable ${apiGroup}/v1 (on in Kubernetes 1.37) or v1beta1 (1.33), or remove --publish-trust-bundle`,
  );
}

function isAttestDenied(error: unknown): boolean {
  return error instanceof Error && isKubeError(error, 403) && error.message.includes('attest');
}

function explainAttest(answer: string): string {
  return `${answer}; the proxy's own ClusterRole needs the verb "attest" on the signer: ${ruleText(ruleOfSigner)}`;
}
