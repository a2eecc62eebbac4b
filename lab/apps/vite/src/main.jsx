import { createRoot } from 'react-dom/client'

const SYNODIC_MONTH = 29.530588
const NEW_MOON = Date.UTC(2000, 0, 6, 18, 14)

function Moon() {
  const age = ((Date.now() - NEW_MOON) / 86_400_000) % SYNODIC_MONTH
  return <p>The moon is {age.toFixed(1)} days old.</p>
}

createRoot(document.getElementById('root')).render(<Moon />)
