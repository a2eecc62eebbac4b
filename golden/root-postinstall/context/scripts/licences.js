require('fs').writeFileSync('LICENCES.txt', 'express: MIT\n');
