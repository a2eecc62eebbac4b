from pathlib import Path

import pandas as pd
import plotly.express as px
import streamlit as st

DATA = Path(__file__).parent / "data" / "tides.csv"


@st.cache_data
def tides() -> pd.DataFrame:
    return pd.read_csv(DATA, parse_dates=["time"])


st.title("Tides")
harbour = st.selectbox("Harbour", sorted(tides()["harbour"].unique()))
shown = tides().query("harbour == @harbour")
st.metric("Highest water", f"{shown['metres'].max():.2f} m")
st.plotly_chart(px.line(shown, x="time", y="metres"))
