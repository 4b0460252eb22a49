import assert from 'node:assert/strict';
import { proxyVariables, trustVariables, variableGroups } from '../../../../src/driver/rules/activated-variables.js';

describe('the variables of activate, in short', () => {
  it('are groups for its own, and the names of others', () => {
    assert.deepEqual(variableGroups([]), []);
    assert.deepEqual(variableGroups(proxyVariables), ['proxy']);
    const names = ['MAVEN_ARGS', 'KUBECONFIG'];
    assert.deepEqual(variableGroups([...proxyVariables, ...trustVariables, ...names]), ['proxy', 'trust', ...names]);
  });
});
