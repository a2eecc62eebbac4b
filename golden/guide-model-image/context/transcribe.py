import sys

import whisperx

model = whisperx.load_model('large-v2', 'cpu', compute_type='int8')
print(model.transcribe(whisperx.load_audio(sys.argv[1])))
