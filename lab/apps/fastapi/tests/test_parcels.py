from app.parcels import list_parcels


def test_only_heavy_parcels():
    assert [parcel.number for parcel in list_parcels(heavier_than=1000)] == [2]
