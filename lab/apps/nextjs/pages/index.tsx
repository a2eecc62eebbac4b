import Head from 'next/head'

import { RecipeCard } from '../components/RecipeCard'
import { recipes } from '../components/recipes'

export default function Home() {
  return (
    <main>
      <Head>
        <title>Recipes</title>
      </Head>
      <img src="/pan.svg" alt="" width={48} height={48} />
      <h1>Recipes</h1>
      <ul>
        {recipes.map((recipe) => (
          <RecipeCard key={recipe.slug} recipe={recipe} />
        ))}
      </ul>
    </main>
  )
}
