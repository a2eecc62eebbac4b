const sharp = require('sharp');

for (const path of process.argv.slice(2)) {
  sharp(path).resize(320).toFile(`${path}.small.png`);
}
