import pandas as pd
import plotly.express as px
import streamlit as st

frame = pd.read_csv("data/sales.csv")
st.plotly_chart(px.line(frame, x="month", y="sales"))
