import type { Recipe } from './RecipeCard'

export const recipes: Recipe[] = [
  { slug: 'leek-soup', name: 'Leek soup', minutes: 35 },
  { slug: 'rye-bread', name: 'Rye bread', minutes: 180 },
]
