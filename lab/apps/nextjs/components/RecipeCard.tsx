export type Recipe = { slug: string; name: string; minutes: number }

export function RecipeCard({ recipe }: { recipe: Recipe }) {
  return (
    <li>
      <a href={`/${recipe.slug}`}>{recipe.name}</a> takes {recipe.minutes} minutes
    </li>
  )
}
