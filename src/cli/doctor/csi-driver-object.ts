import type { DriverConfig } from '../../driver/config.ts';
import type { JsonObject } from '../../shared/json.ts';
import { jsonItems, jsonMember } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { csiDriverType } from '../../driver/token/csi-driver-validator.ts';
import type { CheckResult } from '../../shared/doctor/check-result.ts';
import { fail, ok, unchecked, warn } from '../../shared/doctor/check-result.ts';
import { readObject } from '../../shared/doctor/cluster-objects.ts';

type ObjectConfig = Pick<DriverConfig, 'driver-name' | 'token-audience' | 'allow-token-minting'>;

const check = 'csidriver';

/** Checks the fields of the CSIDriver object that the driver relies on; one line per wrong field. */
export async function checkCsiDriverObject(
  client: KubeClient,
  config: ObjectConfig,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const name = config['driver-name'];
  try {
    const object = await readObject(client, { type: csiDriverType, name }, signal);
    if (object === undefined) {
      const fix = 'apply the manifests of the driver, or give --driver-name the name of its object';
      return [fail(check, `CSIDriver "${name}" does not exist`, fix)];
    }
    const problems = problemsOf(object, config);
    return problems.length > 0 ? problems : [ok(check, `CSIDriver "${name}" has the fields that the driver relies on`)];
  } catch (error) {
    return [unchecked(check, error, `CSIDriver "${name}" cannot be read`)];
  }
}

function problemsOf(object: JsonObject, config: ObjectConfig): readonly CheckResult[] {
  const spec = object['spec'];
  const expect = (
    field: string,
    expected: string | boolean,
    level: typeof fail,
    otherwise: string,
  ): readonly CheckResult[] => {
    const value = jsonMember(spec, field);
    const isRight = Array.isArray(value) ? value.includes(expected) : value === expected;
    return isRight ? [] : [level(check, `${field}: ${otherwise}`, fixOf(field, expected))];
  };
  return [
    ...expect('podInfoOnMount', true, fail, 'pods could pose as others, so that nothing is published'),
    ...expect('attachRequired', false, fail, 'pods would wait for an attachment that never comes'),
    ...expect('volumeLifecycleModes', 'Ephemeral', fail, 'the kubelet rejects volumes that are written in the pod'),
    ...expect('requiresRepublish', true, fail, 'tokens and changes never reach a pod that runs'),
    ...checkTokenRequests(object, config),
    ...expect('fsGroupPolicy', 'None', warn, 'the kubelet changes owners in a volume that the driver may be writing'),
  ];
}

function checkTokenRequests(object: JsonObject, config: ObjectConfig): readonly CheckResult[] {
  const audience = config['token-audience'];
  const requests = jsonItems(jsonMember(object['spec'], 'tokenRequests'));
  if (requests.some((request) => jsonMember(request, 'audience') === audience)) return [];
  const problem = `tokenRequests: none for audience "${audience}", so that the driver gets no token`;
  // Volumes with `token.expiration` get minted tokens without the kubelet.
  const level = config['allow-token-minting'] ? warn : fail;
  return [level(check, problem, 'add the audience to spec.tokenRequests, or set --token-audience to the one there')];
}

function fixOf(field: string, expected: string | boolean): string {
  const value = field === 'volumeLifecycleModes' ? `[${String(expected)}]` : String(expected);
  // These two fields are immutable.
  const how = ['attachRequired', 'volumeLifecycleModes'].includes(field)
    ? 'delete the object and apply it with'
    : 'set';
  return `${how} spec.${field}: ${value}`;
}
