/** A script that makes a package for Python, `thing-1-py3-none-any.whl`. */
export const pythonWheel = `python3 -c "
import zipfile
with zipfile.ZipFile('thing-1-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('thing-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: thing\\nVersion: 1\\n')
    wheel.writestr('thing-1.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('thing-1.dist-info/RECORD', '')"`;
